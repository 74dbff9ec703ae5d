import './add.ts';
import './linear.ts';
